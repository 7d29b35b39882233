"""A sender whose every record is bad, and a collector under pressure, over HTTP: nothing is stored, and it recovers."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from collectors.gate import Gate
from collectors.pressure import Load, Pressure
from collectors.sources.http import Door
from monitor.access import KeyRing
from monitor.db import keys
from monitor.db.keys import Role

from .conftest import MakeRig, Rig, prediction
from .test_http_source import Client

