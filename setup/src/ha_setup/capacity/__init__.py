"""How much a cluster takes: from users, requests and scheduled actions to nodes, workers, connections, memory."""
