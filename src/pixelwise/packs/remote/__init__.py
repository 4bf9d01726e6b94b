"""Packs in object stores: read block by block through a cache, and written so that nothing half shows.

    store      one folder of a store, by obstore      volume     a pack in a store
    blocks     which records travel together          source     the samples of one split
    cache      blocks that have arrived               opening    `open` for addresses
    fetching   what is on its way, by threads         uploading  `pack` for addresses
    copying    whole objects as files
"""
