from . import ha_attachment_garbage, ha_attachment_rule, ir_attachment, ir_http
