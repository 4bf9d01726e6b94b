"""`view`: a dataset in the browser, served on this machine only.

    viewing    `view`, Viewer: the server in a thread of its own   guard      who may ask, and for what
    routes     addresses to answers                               answers    what the answers say, as JSON values
    entries    all samples by number, and their names             selecting  filters and orders
    measures   sizes and counts, found in the background          pictures   thumbnails and whole pictures as bytes
    making     pictures by their names in addresses               tiles      large pictures in squares, at every scale
    large      windows of pictures, read alone where possible     confused   which class was predicted as which
    runs       predictions and their scores                       problems   the findings of `check` by entry
    exporting  the chosen samples as one HTML file                previews  what a recipe makes of an entry
    charts     what the page draws of the counts                  looks      near duplicates, and numbers of objects
    ordering   orders of all entries, kept

`static/` is the page itself: ES modules and CSS as they are, without a build step.
"""
