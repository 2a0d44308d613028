"""The doctor: looks at a cluster part by part, and says what is not as it should be, why, and what to do.

`target` says what to look at, `look` looks (every effect is there), `checks` judge what was seen (pure),
`report` tells. Looking changes nothing but a probe object in the bucket, which is removed again.
"""
