"""A sample dataset in the layout of Pascal VOC2012, painted on the spot: nothing to download.

Its scenes with all 20 VOC classes serve demonstrations, tests and measurements. They do not replace photographs.
"""
