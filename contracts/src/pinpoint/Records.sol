// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title The order of records: a permutation of 0..n-1 for each epoch (docs/spec/protocol.md, Record order)
library Records {
    uint256 private constant ROUNDS = 8;

    /// @return The record that a global position reads.
    function indexAt(bytes32 seed, uint256 position, uint256 n) internal pure returns (uint256) {
        return permute(seed, position / n, position % n, n);
    }

    /// @dev Of 2^h x 2^h places fewer than three quarters are beyond n, so a walk takes four rounds of eight hashes on average,
    /// and one that is long enough to cost a block's gas is as likely as a collision.
    function permute(bytes32 seed, uint256 epoch, uint256 index, uint256 n) internal pure returns (uint256 x) {
        uint256 h;
        while (4 ** h < n) h++;
        uint256 mask = 2 ** h - 1;
        x = index;
        do {
            uint256 left = x >> h;
            uint256 right = x & mask;
            for (uint256 r = 0; r < ROUNDS; r++) {
                (left, right) = (right, left ^ (f(seed, epoch, r, right) & mask));
            }
            x = left << h | right;
        } while (x >= n);
    }

    function f(bytes32 seed, uint256 epoch, uint256 round, uint256 half) private pure returns (uint256) {
        return
            uint32(bytes4(sha256(abi.encodePacked("assay/order/1", seed, uint32(epoch), uint8(round), uint32(half)))));
    }
}
