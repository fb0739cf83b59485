"""What the paper compares with, a family a file; each is fitted to training users of an event log.

Next item: `RecentPopularity`, `NextItemFM` and `HGRUPublished`, whose `judge(log, users)` gives the
rows that `tfhrnn.evaluation.evaluate.figures` takes. (Popularity itself is `judge_popularity`
there, and the preset `popularity-count`.) Ratings: `RollingAverage`, `RatingFM` (with it matrix
factorisation and biases alone) and `AutoRec`, whose `predict(log, users)` gives the rows that
`tfhrnn.evaluation.ratings.rating_figures` takes.
"""
