"""Webhooks: managing them, and sending to them what the outbox holds."""
