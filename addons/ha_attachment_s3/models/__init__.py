from . import ha_attachment_garbage, ir_attachment, ir_http
