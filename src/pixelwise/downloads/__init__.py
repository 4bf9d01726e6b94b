"""Get a dataset: download its archive, verify it, unpack it, and put the folder in place by one rename.

archives    the table: URLs, sizes and hashes of the archives
http        one file from several mirrors: resumed, retried, verified
unpack      what is accepted from an archive, and how it becomes a folder
getting     what a user calls: is it there, lock, download, select, unpack
"""
