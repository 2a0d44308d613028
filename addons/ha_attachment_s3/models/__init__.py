from . import (
    ha_attachment_garbage,
    ha_attachment_migration,
    ha_attachment_rule,
    ir_attachment,
    ir_attachment_company,
    ir_attachment_serving,
    ir_attachment_without_s3,
    ir_http,
    res_config_settings,
)
