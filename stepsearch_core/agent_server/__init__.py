"""An agent for other programs: a policy that searches, as an OpenAI-compatible chat service and over MCP."""
