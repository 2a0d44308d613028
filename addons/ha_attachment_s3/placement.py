"""Which contents stay in the database although there is a bucket. Pure."""


def stays_in_database(
    *, url: object, res_field: object, mimetype: object, size: int, small_image: int
) -> bool:
    """
    What Odoo serves by its address (asset bundles, website files) must be there on each node
    at once, for visitors too, and is made anew by whichever node finds it missing. Small images
    of records are shown many to a page: one request to S3 for each would be slower than the row.

    :param size: bytes of the content
    :param small_image: up to how many bytes an image of a record is small
    """
    if url:
        return True
    is_image = not mimetype or str(mimetype).startswith("image/")
    return bool(res_field) and is_image and size <= small_image
