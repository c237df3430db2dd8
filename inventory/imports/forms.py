"""Files that come in a form: they go to where imports lie as they come, and never into memory."""

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from inventory.imports.upload import Saved, TooLarge, Upload
from oms.ids import new_id


class SavedFile(UploadedFile):
    """A file that lies on disk as the one of the import `import_id`."""

    def __init__(self, import_id: str, saved: Saved, **kwargs: Any):
        super().__init__(file=None, size=saved.bytes, **kwargs)
        self.import_id = import_id
        self.saved = saved

    def close(self) -> None:
        """Nothing is open."""


class SaveToDisk(FileUploadHandler):
    """Saves the one file of the form. What is larger than allowed is cut off: then there is none."""

    def __init__(self, request: Any = None):
        super().__init__(request)
        self._import_id = new_id("imp")
        self._upload: Upload | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        if self._upload:
            raise StopUpload(connection_reset=True)  # there is only one
        self._upload = Upload(self._import_id, most_bytes=settings.IMPORT_MAX_BYTES)
        self._upload.__enter__()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        assert self._upload
        try:
            self._upload.add(raw_data)
        except TooLarge:
            self.upload_interrupted()
            raise StopUpload(connection_reset=True) from None

    def file_complete(self, file_size: int) -> UploadedFile:
        assert self._upload
        saved = self._upload.finish()
        self._upload.__exit__()
        return SavedFile(
            self._import_id, saved, name=self.file_name, content_type=self.content_type, charset=self.charset
        )

    def upload_interrupted(self) -> None:
        if self._upload:
            self._upload.__exit__()
