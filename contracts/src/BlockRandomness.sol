// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IRandomness} from "./IRandomness.sol";

/// @title Audit seeds from block hashes, for devnets
/// @notice A round is the block two after the commitment; its value is that block's hash. A round nobody recorded while
/// its hash was readable passes to the block LAPSE later, and so on: a value is late, never lost.
/// @dev A block producer can grind a block hash; a public chain needs a beacon behind IRandomness instead.
contract BlockRandomness is IRandomness {
    uint48 public constant DELAY = 2;
    /// @notice Blocks for which a source can be recorded; the EVM shows the last 256 hashes.
    uint48 public constant LAPSE = 250;

    mapping(uint48 round => bytes32) private values;

    function roundAfter(uint48 blockNumber) external pure returns (uint48) {
        return blockNumber + DELAY;
    }

    /// @notice The block whose hash the round would take if recorded now.
    function sourceOf(uint48 round) public view returns (uint48) {
        uint48 current = uint48(block.number);
        return current <= round ? round : round + (current - round - 1) / LAPSE * LAPSE;
    }

    function record(uint48 round) external returns (bytes32 value) {
        value = values[round];
        if (value != 0) return value;
        uint48 source = sourceOf(round);
        if (source >= block.number) revert NotReady(round);
        value = blockhash(source);
        values[round] = value;
        emit Recorded(round, source, value);
    }

    function valueOf(uint48 round) external view returns (bool known, bytes32 value) {
        value = values[round];
        known = value != 0;
    }
}
