"""Drawing: arrays and numbers in, pictures out; no matplotlib.

A picture is put together from blocks, which are Pillow images on white paper: `text`, `legend` and `frame` make them,
`beside` and `stack` join them, `page` adds title, footer and margins and gives a `Picture`. Lengths are in pixels of a
page of the standard width, two for each point of a screen of usual density, so that type is crisp on dense screens;
`Style` scales them. The same arguments give the same pixels with one version of Pillow, except for text outside its
built-in font, which is set in a font of the system. Everything here is thread-safe.

    typesetting  type, colors, lines of text     contact_sheet  show, show_plans
    blocks       text, frames, joining           sheets         rows of tiles: worst_sheet, plan_sheet
    legend       classes present, their shares   charts         stats_plot, confusion_plot
    pixels       overlay, error map, scaling     page           Picture and its saving
    reliability  confidence and accuracy
    notebook     values as HTML, for notebooks
"""
