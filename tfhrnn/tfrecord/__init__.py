"""Event logs as TFRecord files of `tf.train.Example`, out and in, for those who train elsewhere."""
