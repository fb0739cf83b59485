"""A client for exported models, alike against TensorFlow Serving and the embedded server.

`clients` holds the two that are used, sync and async. All that they share is free of I/O: what can
be asked (`questions`, of users, and `catalogue_questions`, checked by `values`) and what comes back
(`answers`), a signature's inputs filled in (`columns`), and who says what next (`exchanges`), with
`retries`, `errors` and what a graph's `refusals` say. It speaks TensorFlow Serving's REST API and
nothing else.
"""
