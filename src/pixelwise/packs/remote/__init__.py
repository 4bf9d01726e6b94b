"""Packs in object stores: read block by block through a cache, and written so that nothing half shows.

    store      one folder of a store, by obstore: its errors named     blocks    which samples travel together
    cache      blocks that have arrived, in a folder or in memory      fetching  blocks on their way, by threads
    volume     a pack in a store, as its source reads it                opening   `open` for addresses
    uploading  `pack` to a store                                       checking  `verify` of a pack in a store
"""
