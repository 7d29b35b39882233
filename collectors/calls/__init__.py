"""Reading the bodies of inference calls, whichever server took them: requests, responses, and both as records."""

from collectors.calls.halves import NO_RESPONSE, make_half
from collectors.calls.inputs import inputs_of, read_inputs
from collectors.calls.outputs import outputs_of, read_outputs
from collectors.calls.records import call_records, partial_rows, usable_id
from collectors.calls.routes import asks_for_predictions, model_of_path
from collectors.calls.sides import BodyUnreadable, Inputs, Output, Outputs
from collectors.joining import record_id as row_id

__all__ = [
    "NO_RESPONSE",
    "BodyUnreadable",
    "Inputs",
    "Output",
    "Outputs",
    "asks_for_predictions",
    "call_records",
    "inputs_of",
    "make_half",
    "model_of_path",
    "outputs_of",
    "partial_rows",
    "read_inputs",
    "read_outputs",
    "row_id",
    "usable_id",
]
