"""Does S3 have what the database refers to, and nothing else?"""
