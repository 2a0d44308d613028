import { AttachmentUploadService } from "@mail/core/common/attachment_upload_service";

import { patch } from "@web/core/utils/patch";

// Odoo itself sends an empty file in place of the real one; the signed upload is bound to this size.
patch(AttachmentUploadService.prototype, {
    _buildFormData(formData, tmpURL, thread, composer, tmpId, options) {
        super._buildFormData(...arguments);
        const file = this.uploadingCloudFiles.get(tmpId);
        if (file) {
            formData.append("cloud_storage_size", file.size);
        }
        return formData;
    },
});
