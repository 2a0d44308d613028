from . import ha_attachment_garbage, ir_attachment, res_config_settings
