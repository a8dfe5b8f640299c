"""Has Chalice generate its part of the template: python -m ops.bundle.generate STAGE FILE

In a process of its own: app.py is imported, with the environment that this process has. The steps
are those of `chalice package`, but for the zip.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import BaseDeployStep, BuildStage, InjectDefaults, SwaggerBuilder
from chalice.deploy.models import DeploymentPackage
from chalice.deploy.swagger import CFNSwaggerGenerator
from chalice.deploy.validate import validate_configuration, validate_resource_policy
from chalice.package import ResourceBuilder, SAMTemplateGenerator
from chalice.utils import serialize_to_json

from chalicelib.settings import SettingsError
from chalicelib.tasks import BrokenTasks, registered
from ops.bundle.trial_import import HERE
from ops.cli.stage import ROOT
from ops.stack.local_aws import endpoint

NO_ROLE = "ops/template/compose.py makes the roles"


class NameTheZip(BaseDeployStep):
    def handle_deploymentpackage(self, config: Config, resource: DeploymentPackage) -> None:
        resource.filename = "./bundle.zip"


def main(stage: str, file: str) -> None:
    registered()
    factory = CLIFactory(str(ROOT), environ=os.environ)
    # not Chalice's roles: it would ask for a policy file that every stage and function shares
    ours: dict[str, Any] = {"manage_iam_role": False, "iam_role_arn": NO_ROLE}
    ours["automatic_layer"] = False
    if endpoint():
        ours["lambda_architecture"] = HERE  # the local AWS runs functions on this machine
    config = factory.create_config_obj(stage, user_provided_params=ours)
    validate_configuration(config)
    validate_resource_policy(config)
    steps = [InjectDefaults(), NameTheZip(), SwaggerBuilder(CFNSwaggerGenerator())]
    builder = ResourceBuilder(ApplicationGraphBuilder(), DependencyBuilder(), BuildStage(steps))
    generator = SAMTemplateGenerator(config, factory.create_package_options())
    template = generator.generate(builder.construct_resources(config, stage))
    Path(file).write_text(serialize_to_json(template))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (SettingsError, BrokenTasks) as error:  # plain lines; a traceback would only hide them
        sys.exit(str(error))
