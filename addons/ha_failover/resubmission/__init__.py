"""A request that comes a second time, because the node that worked on it died.

Only that node knew whether the request took effect; its marker row knows it too. With
``request_id_header`` the balancer gives each request an id and sends it again to another node when
the first one dies. The id and the session make the token of the marker row, and the answer is kept
beside it in the same transaction. So whoever comes second finds the row, and gives that answer.
"""
