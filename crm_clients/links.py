"""Operators' files that lie at an address which is shown no token."""

from mappers.vocabulary import (
    Failure,
    FetchedFile,
    Http,
    HttpCall,
    Permanent,
    ProviderError,
    usual_failure,
)


async def bring(
    http: Http, call: HttpCall, name: str, *, code: str, when: tuple[type[Failure], ...]
) -> FetchedFile:
    """Fetch what is there, no more of it than the call allows.

    Raises: `ProviderError`; `Permanent` with the code for failures of those kinds.
    """
    try:
        reply = await http.send(call)
    except ProviderError as error:
        if error.failure.code == "net.ResponseTooLarge":
            raise ProviderError(Permanent(code="file.too_large")) from error
        raise
    failure = usual_failure(reply, repeatable=True)
    if isinstance(failure, when):
        raise ProviderError(Permanent(code=code))
    if failure is not None:
        raise ProviderError(failure)
    mime = reply.headers.get("content-type", "").partition(";")[0].strip()
    return FetchedFile(body=reply.body, name=name, mime=mime)
