# SPDX-License-Identifier: GPL-2.0-only
"""Checks of the walls. A check is a function that takes a Tree and returns a list of problems, each "place: what is wrong, what to do".

Besides problems a check may leave a remark for the reader with tree.note(text). tools/check runs them; tests/test_check.py shows each
of them red once.
"""
