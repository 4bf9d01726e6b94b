"""Loading: a split as batches. `Loader` is the public face.

    loader    Loader, its state and timing        samplers  the order of an epoch, and choosing samples by class
    workers   threads that fill batches           buffers   batch memory, used again
    options   the Loader's arguments, checked     render    plans and pixels to batch arrays
    left_out  samples smaller than a crop         ranks     the share of this process
    holes     samples whose size cannot be read   lanes     the order that reads block by block
    outputs   what the images of a batch can be   reference `render_plain`: the same in NumPy
    batch     Batch, what a Loader yields         filtering images by other interpolations than "area"
    ahead     what is fetched from stores         handing   what the loaders of torch and JAX share
"""
