"""The only rooms that know Ray: the graph, the actors that run loops, and the CPU tasks that they wait for."""
