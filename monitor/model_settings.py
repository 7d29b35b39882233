"""What a model can be told about itself: what it predicts, what its mistakes cost, whom it must treat alike."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from monitor.schemas import Task


class ModelSettings(BaseModel):
    """One model, by its name. What is not declared is learnt from the predictions, or not measured."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    task: Task | None = Field(
        None, description="What it predicts: binary, multiclass, regression, multilabel or ranking; unset: found out."
    )
    positive_class: str | None = Field(None, description="Binary: the class that the score is the probability of.")
    protected: str | None = Field(
        None, description="Binary: the feature or tag whose groups must be treated alike; unset: no fairness metrics."
    )
    costs: dict[str, dict[str, float]] = Field(
        {}, description="What a prediction costs, by label and prediction; a gain is below 0, a pair left out costs 0."
    )
    metrics: list[str] = Field([], description="Custom metrics to work out, by the names of their entry points.")
