// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {vm} from "./Vm.sol";

/// @dev Deploys the committed artifacts: the tests run the very code that clients deploy.
library Deploy {
    string private constant PATH = "client/abi/artifacts.generated.json";
    string private constant PROBES = "client/testing/probes.generated.json";

    function contractNamed(string memory name, bytes memory arguments) internal returns (address) {
        return create(vm.readFile(PATH), name, arguments);
    }

    /// @dev A contract of src/testing.
    function probeNamed(string memory name) internal returns (address) {
        return create(vm.readFile(PROBES), name, "");
    }

    function create(string memory json, string memory name, bytes memory arguments) private returns (address deployed) {
        string memory key = string.concat(".", name);
        bytes memory code = vm.parseJsonBytes(json, string.concat(key, ".bytecode"));
        string[] memory libraries = vm.parseJsonKeys(json, string.concat(key, ".links"));
        for (uint256 i = 0; i < libraries.length; i++) {
            address target = create(json, libraries[i], "");
            uint256[] memory places = vm.parseJsonUintArray(json, string.concat(key, ".links.", libraries[i]));
            for (uint256 j = 0; j < places.length; j++) {
                link(code, places[j], target);
            }
        }
        code = bytes.concat(code, arguments);
        assembly ("memory-safe") {
            deployed := create(0, add(code, 32), mload(code))
        }
        require(deployed != address(0), string.concat("could not deploy ", name));
    }

    function link(bytes memory code, uint256 place, address target) private pure {
        bytes20 value = bytes20(target);
        for (uint256 i = 0; i < 20; i++) {
            code[place + i] = value[i];
        }
    }
}
