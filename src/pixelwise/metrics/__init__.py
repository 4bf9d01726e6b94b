"""Scores: count once in integers, then read by any named protocol."""
