"""Pillar: the customer portal and light CRM of home-service companies."""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from pillar import admin, clock, portal, public, tenancy
from pillar.config import Config
from pillar.database import engine_options, prepare_engine
from pillar.extensions import csrf, db, login_manager, migrate
from pillar.gateways import Gateways
from pillar.http import access, assets, errors, headers, health, limits, realms, scope, templating
from pillar.http.converters import CONVERTERS
from pillar.models.search import WordTables
from pillar.sealed import DataKeys
from pillar.tasks import outbox

__all__ = ["create_app"]


def create_app(config: Config | None = None, gateways: Gateways | None = None) -> Flask:
    """Wire the product together: the order of wiring, nothing else."""
    config = config or Config.from_env()
    clock.use_file(config.clock_file)
    app = Flask(__name__, static_folder=None)
    app.config.from_mapping(config.as_flask())
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(config.database_url)
    app.extensions["gateways"] = gateways or Gateways.from_config(config)
    app.extensions["data_keys"] = DataKeys(config.data_keys)
    app.url_map.converters.update(CONVERTERS)
    if config.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=config.trusted_proxies, x_proto=config.trusted_proxies, x_host=0
        )
    _bind_extensions(app, config)
    _bind_edges(app, config)
    return app


def _bind_extensions(app: Flask, config: Config) -> None:
    db.init_app(app)
    migrate.init_app(app, db)
    with app.app_context():
        prepare_engine(db.engine)
        tenancy.put_up(db.engine, db.metadata, WordTables.metadata)
    headers.init_app(app, config)
    app.before_request(scope.begin_request)
    csrf.init_app(app)
    login_manager.init_app(app)
    realms.init_app(app)
    limits.init_app(app, config)
    app.before_request(access.enforce)


def _bind_edges(app: Flask, config: Config) -> None:
    templating.init_app(app)
    errors.init_app(app)
    outbox.init_app(app, config)
    ways_in = (portal.bp, portal.links_bp, portal.one_time_links.bp)
    for blueprint in (assets.bp, health.bp, public.bp, *ways_in):
        app.register_blueprint(blueprint)
    admin.init_app(app)
