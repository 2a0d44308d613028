import { AttachmentList } from "@mail/core/common/attachment_list";

import { patch } from "@web/core/utils/patch";

// Odoo itself fetches the whole file by a script, into the page's memory, and then saves it. These are the large
// ones: the browser saves them as they come, shows its progress, and needs no CORS rule to do so.
patch(AttachmentList.prototype, {
    onClickDownload(attachment) {
        if (attachment.type !== "cloud_storage" || !attachment.url?.startsWith("s3://")) {
            return super.onClickDownload(...arguments);
        }
        const link = document.createElement("a");
        link.href = attachment.downloadUrl;
        link.download = "";
        link.click();
    },
});
