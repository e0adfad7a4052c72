"""The pages on which members of staff decide by their signed links.

The link names its person and the content that they were shown. Opening it changes nothing, because
scanners open links; the forms need no other protection, since their address holds the signed token.

    links.py     links, moments and headers
    editions.py  approving an edition, or sending it back
    kills.py     confirming the kill of a release, or refusing it
"""
