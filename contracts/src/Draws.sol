// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Hashes} from "./Hashes.sol";
import {IAssay} from "./IAssay.sol";

/// @title Stake-weighted draws, recomputable by anyone from events
/// @dev A draw takes x modulo the total weight and walks the candidates in list order; repeated by proto/draw.ts.
library Draws {
    /// @dev Reorders candidates by drawing without replacement; position i of the result uses the i-th draw of the tag.
    function shuffle(string memory tag, bytes32 seed, IAssay.Member[] memory candidates)
        internal
        pure
        returns (address[] memory order)
    {
        uint256 total = totalWeight(candidates);
        order = new address[](candidates.length);
        for (uint256 i = 0; i < order.length; i++) {
            uint256 index = pick(candidates, Hashes.seatDraw(tag, seed, uint16(i)) % total);
            order[i] = candidates[index].account;
            total -= candidates[index].weight;
            candidates[index].weight = 0;
        }
    }

    /// @dev The verifier of an entry in a round: the draws of earlier rounds are taken out. Zero when none is left.
    /// Consumes `pool`.
    function verifier(bytes32 seed, bytes32 entryHash, uint8 round, IAssay.Member[] memory pool)
        internal
        pure
        returns (address)
    {
        uint256 total = totalWeight(pool);
        for (uint8 r = 0; total > 0; r++) {
            uint256 index = pick(pool, Hashes.verifierDraw(seed, entryHash, r) % total);
            if (r == round) return pool[index].account;
            total -= pool[index].weight;
            pool[index].weight = 0;
        }
        return address(0);
    }

    function totalWeight(IAssay.Member[] memory list) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < list.length; i++) {
            total += list[i].weight;
        }
    }

    function pick(IAssay.Member[] memory list, uint256 x) private pure returns (uint256 index) {
        while (x >= list[index].weight) {
            x -= list[index].weight;
            index++;
        }
    }
}
