"""Transforms: each is a frozen dataclass that adds to the plans of a batch.

plans: what a list of transforms adds up to. geometry, color: what composes into the plan's matrix and color.
after: what is done to rendered pixels. mixing: several samples. plugin: other people's transforms. recipes: the lists
that papers use.
"""
