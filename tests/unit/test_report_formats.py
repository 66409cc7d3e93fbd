"""How single figures are written."""

from __future__ import annotations

import math

import pytest

from perf_pipeline.report import formats as f


class TestFigures:
    @pytest.mark.parametrize(
        ("write", "value", "text"),
        [
            (f.ms, 0.4, "0.40"),
            (f.ms, 9.996, "10.0"),
            (f.ms, 99.96, "100"),
            (f.ms, 4210.4, "4,210"),
            (f.promised_ms, 7.5, "7.5"),
            (f.promised_ms, 1500.0, "1,500"),
            (f.percent, 0.0, "0 %"),
            (f.percent, 0.00001, "<0.01 %"),
            (f.percent, 0.0036, "0.36 %"),
            (f.percent, 0.01, "1 %"),
            (f.percent, -0.123, "-12 %"),
            (f.success, 1.0, "100 %"),
            (f.success, 0.99999, "99.99 %"),
            (f.success, 0.998, "99.8 %"),
            (f.success, 0.9876, "98.7 %"),
            (f.success, 0.42, "42 %"),
            (f.success, 0.0, "0 %"),
            (f.change, 1.48, "+48 %"),
            (f.change, 0.958, "-4.2 %"),
            (f.change, 0.99999, "+0.0 %"),
            (f.change, 4.21, "×4.2"),
            (f.signed_ms, -1.234, "-1.23 ms"),
            (f.duration, 0.214, "0.21 s"),
            (f.duration, 125.4, "2 min 5 s"),
            (f.duration, 3720.0, "1 h 2 min"),
            (f.offset, 65.0, "1:05"),
            (f.count, 12345, "12,345"),
        ],
    )
    def test_keep_the_digits_that_mean_something(self, write, value, text):
        assert write(value) == text

    @pytest.mark.parametrize("write", [f.ms, f.percent, f.change, f.duration, f.signed_ms])
    @pytest.mark.parametrize("nothing", [None, math.nan])
    def test_are_a_dash_where_there_is_none(self, write, nothing):
        assert write(nothing) == "–"


class TestAnInterval:
    def test_names_its_unit_once(self):
        assert f.interval(1.41, 1.56) == "+41..+56 %"

    def test_keeps_the_unit_of_a_change_beside_a_factor(self):
        assert f.interval(1.41, 4.2) == "+41 %..×4.2"
