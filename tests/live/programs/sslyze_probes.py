"""sslyze's probes for Heartbleed and CCS injection, which it leaves out where it finds TLS 1.3: here it is told 1.2.

For the Python of sslyze's own environment. Arguments: an address and a port.
"""

from __future__ import annotations

import dataclasses
import sys

from sslyze import ServerNetworkConfiguration, ServerNetworkLocation, TlsVersionEnum
from sslyze.plugins.heartbleed_plugin import HeartbleedImplementation
from sslyze.plugins.openssl_ccs_injection_plugin import OpenSslCcsInjectionImplementation
from sslyze.server_connectivity import ServerConnectivityInfo, check_connectivity_to_server

location = ServerNetworkLocation(sys.argv[1], int(sys.argv[2]))
configuration = ServerNetworkConfiguration.default_for_server_location(location)
found = check_connectivity_to_server(location, configuration)
believed = dataclasses.replace(
    found, highest_tls_version_supported=TlsVersionEnum.TLS_1_2, cipher_suite_supported="ECDHE-RSA-AES128-GCM-SHA256"
)
for plugin in (HeartbleedImplementation, OpenSslCcsInjectionImplementation):
    server = ServerConnectivityInfo(location, configuration, believed)
    for job in plugin.scan_jobs_for_scan_command(server):
        print(plugin.__name__, job.function_to_call(*job.function_arguments))
