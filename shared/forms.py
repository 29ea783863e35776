"""What a page's form says, read as the API would take it."""

from datetime import date
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from shared.problems import InvalidInput, field_errors

Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2999, 12, 30))]
Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], values: dict[str, Any]) -> Model:
    """The form as a model; raises `InvalidInput` with the fields to mend."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidInput("请按提示修改", "Please mend the named fields", field_errors(error.errors())) from error
