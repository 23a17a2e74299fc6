"""What Jitsi accepts: a verdict on a token as its Prosody would give it, and text that may stand in XML.

Used by more than one module, so it belongs to none. What we issue is the business of `modules.jitsi`.
"""
