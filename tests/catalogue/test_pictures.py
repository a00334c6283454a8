import io

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vqatune.catalogue.pictures import digests_of_pictures


@settings(max_examples=30, deadline=None)
@given(cut=st.floats(0, 0.999))
def test_a_jpeg_cut_anywhere_does_not_open(tmp_path_factory, cut):
    file = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(file, "JPEG", progressive=cut > 0.5)
    content = file.getvalue()
    archive = tmp_path_factory.mktemp("cut") / "archive"
    archive.write_bytes(content * 2)
    lengths = [int(cut * len(content)), len(content)]
    images = pd.DataFrame({"archive": [str(archive)] * 2, "offset": [len(content), 0], "length": lengths})
    digests = digests_of_pictures(images)
    assert digests.tolist()[0] is None
    assert digests.tolist()[1] is not None
