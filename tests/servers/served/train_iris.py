"""Trains what MLServer serves: `python train_iris.py FILE`. Runs in the server's own environment."""

import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

flowers = load_iris(as_frame=True)
inputs = flowers.data.set_axis(["sepal_length", "sepal_width", "petal_length", "petal_width"], axis="columns")
joblib.dump(LogisticRegression(max_iter=1000).fit(inputs, flowers.target), sys.argv[1])
