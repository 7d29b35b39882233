"""Nothing that privacy takes out touches the disk: every file is searched for it, whichever way a record went."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from collectors.collector import Collector, Request
from collectors.formats import Decoded, Log, LogFormat, find_format
from collectors.wire import DeclaredFeatures, Half, Side, WirePrediction
from monitor.config import CollectorSettings, MappingSettings
from monitor.db import quarantine
from monitor.lake import Kind
from monitor.schemas import FeatureKind

from .conftest import MakeRig, Rig, prediction
from .test_http_source import client_of

