"""A sample dataset in the layout of Pascal VOC2012, painted on the spot: nothing to download.

Its scenes with all 20 VOC classes serve demonstrations, tests and measurements. They do not replace photographs.

    tree      `sample`: the VOC tree on disk       scenes    places, what appears in them, and their labels
    things    the 20 classes as drawings           drawings  the language of drawings
    painting  outlines to shaded, textured pixels  textures  noise tiles that surfaces are cut from
"""
