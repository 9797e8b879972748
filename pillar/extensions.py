"""Unbound extensions; `create_app` binds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, registry

from pillar.database import BigId
from pillar.tenancy import FencedSession

# Named constraints, so that one migration can find them on both databases.
NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base of every model."""

    # 64 bits for every integer: cents pass 2^31 at 21 million dollars, and keys of a big table do too.
    registry = registry(metadata=MetaData(naming_convention=NAMING), type_annotation_map={int: BigId})


db = SQLAlchemy(model_class=Base, session_options={"class_": FencedSession})
# Found from any working directory.
_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
migrate = Migrate(directory=str(_MIGRATIONS), render_as_batch=True, compare_type=True)
login_manager = LoginManager()
csrf = CSRFProtect()

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model
