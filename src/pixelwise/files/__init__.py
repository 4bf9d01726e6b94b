"""Files: read with clear errors, written whole or not at all, mapped into memory.

reading   whole files, and the errors of opening and looking     mapping   files mapped into memory, read ahead, guarded
writing   whole files and folders under temporary names    addresses in stores, where a path could be
"""
