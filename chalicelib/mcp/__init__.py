"""Every task as a tool of agents: the Model Context Protocol over HTTP, without sessions."""
