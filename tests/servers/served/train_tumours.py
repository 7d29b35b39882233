"""Trains what BentoML serves: `python train_tumours.py FILE`. Runs in the server's own environment."""

import sys

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

inputs, benign = load_breast_cancer(return_X_y=True)
joblib.dump(make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs[:, :4], benign), sys.argv[1])
