// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Assay} from "../src/Assay.sol";
import {BlockRandomness} from "../src/BlockRandomness.sol";
import {IArbiter} from "../src/IArbiter.sol";
import {IRandomness} from "../src/IRandomness.sol";
import {PinpointArbiter} from "../src/pinpoint/PinpointArbiter.sol";
import {ArithmeticProbe} from "../src/testing/ArithmeticProbe.sol";
import {OracleArbiter} from "../src/testing/OracleArbiter.sol";

/// @dev Stands in for test/Deploy.sol when coverage is measured: deploys from the sources, which forge instruments.
library Deploy {
    function contractNamed(string memory name, bytes memory arguments) internal returns (address) {
        bytes32 which = keccak256(bytes(name));
        if (which == keccak256("Assay")) {
            (IRandomness randomness, IArbiter arbiter) = abi.decode(arguments, (IRandomness, IArbiter));
            return address(new Assay(randomness, arbiter));
        }
        if (which == keccak256("PinpointArbiter")) return address(new PinpointArbiter());
        require(which == keccak256("BlockRandomness"), string.concat("no contract ", name));
        return address(new BlockRandomness());
    }

    function probeNamed(string memory name) internal returns (address) {
        bytes32 which = keccak256(bytes(name));
        if (which == keccak256("OracleArbiter")) return address(new OracleArbiter());
        require(which == keccak256("ArithmeticProbe"), string.concat("no probe ", name));
        return address(new ArithmeticProbe());
    }
}
