// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Draws} from "../src/Draws.sol";
import {Hashes} from "../src/Hashes.sol";
import {IAssay} from "../src/IAssay.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Puts arguments into calldata for the library under test.
contract Signer {
    function signer(bytes32 digest, bytes calldata signature) external pure returns (address) {
        return Hashes.signer(digest, signature);
    }
}

/// @dev The contract's hashes and draws against those of proto/, from the shared vectors.
contract VectorsTest is Base {
    string private json;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("../test/vectors/proto.json");
    }

    function path(string memory list, uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(i), "].", field);
    }

    function word(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(json, key);
    }

    function number(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, key);
    }

    function test_entries() public {
        Signer lib = new Signer();
        for (uint256 i = 0; i < 4; i++) {
            IAssay.Entry memory e;
            e.jobId = word(path("entries", i, "entry.jobId"));
            e.epoch = uint32(number(path("entries", i, "entry.epoch")));
            e.replica = uint16(number(path("entries", i, "entry.replica")));
            e.window = uint32(number(path("entries", i, "entry.window")));
            e.stepFrom = uint32(number(path("entries", i, "entry.stepFrom")));
            e.stepTo = uint32(number(path("entries", i, "entry.stepTo")));
            e.rootBefore = word(path("entries", i, "entry.rootBefore"));
            e.rootAfter = word(path("entries", i, "entry.rootAfter"));
            e.lanesRoot = word(path("entries", i, "entry.lanesRoot"));
            e.metricsRoot = word(path("entries", i, "entry.metricsRoot"));
            e.solver = vm.parseJsonAddress(json, path("entries", i, "entry.solver"));
            bytes32 digest = word(path("entries", i, "digest"));
            eq(assay.entryDigest(e), digest, "digest");
            bytes memory signature = vm.parseJsonBytes(json, path("entries", i, "signature"));
            eq(lib.signer(digest, signature), e.solver, "signer");
        }
    }

    function test_seeds() public view {
        bytes32 jobId = word(".identifiers.jobId.jobId");
        bytes32 value = word(".identifiers.seeds.randomness");
        uint32 epoch = uint32(number(".identifiers.seeds.assignment.epoch"));
        eq(Hashes.assignmentSeed(jobId, epoch, value), word(".identifiers.seeds.assignment.seed"), "assignment");
        epoch = uint32(number(".identifiers.seeds.audit.epoch"));
        uint32 w = uint32(number(".identifiers.seeds.audit.window"));
        eq(Hashes.auditSeed(jobId, epoch, w, value), word(".identifiers.seeds.audit.seed"), "audit");
    }

    function pool(uint256 i) private view returns (IAssay.Member[] memory members) {
        address[] memory accounts = vm.parseJsonAddressArray(json, path("draws", i, "accounts"));
        uint256[] memory stakes = vm.parseJsonUintArray(json, path("draws", i, "stakes"));
        members = new IAssay.Member[](accounts.length);
        for (uint256 j = 0; j < accounts.length; j++) {
            members[j] = IAssay.Member(accounts[j], uint96(stakes[j]));
        }
    }

    function test_draws() public view {
        for (uint256 i = 0; i < 6; i++) {
            bytes32 seed = word(path("draws", i, "seed"));
            bytes32 entryHash = word(path("draws", i, "entryHash"));
            bool sampled = Hashes.sample(seed, entryHash) < number(path("draws", i, "rate"));
            yes(sampled == vm.parseJsonBool(json, path("draws", i, "sampled")), "sampled");
            IAssay.Member[] memory members = pool(i);
            uint256[] memory verifiers = vm.parseJsonUintArray(json, path("draws", i, "verifiers"));
            for (uint8 round = 0; round < verifiers.length; round++) {
                address expected = members[verifiers[round]].account;
                eq(Draws.verifier(seed, entryHash, round, pool(i)), expected, "verifier");
            }
            order("assay/cell/1", seed, i, "cells");
            order("assay/coordinator/1", seed, i, "coordinators");
        }
    }

    function order(string memory tag, bytes32 seed, uint256 i, string memory field) private view {
        IAssay.Member[] memory members = pool(i);
        uint256[] memory expected = vm.parseJsonUintArray(json, path("draws", i, field));
        address[] memory drawn = Draws.shuffle(tag, seed, pool(i));
        for (uint256 j = 0; j < drawn.length; j++) {
            eq(drawn[j], members[expected[j]].account, field);
        }
    }

    function test_verdict_commitments() public view {
        for (uint256 i = 0; i < 6; i++) {
            bytes32 hash = Hashes.verdict(
                word(path("draws", i, "entryHash")),
                vm.parseJsonAddress(json, path("draws", i, "verdict.verifier")),
                vm.parseJsonBool(json, path("draws", i, "verdict.accept")),
                uint16(number(path("draws", i, "verdict.against"))),
                word(path("draws", i, "verdict.digest")),
                word(path("draws", i, "verdict.salt"))
            );
            eq(hash, word(path("draws", i, "verdict.commitment")), "commitment");
        }
    }

    /// @dev All members are drawn once each, whatever the weights.
    function testFuzz_shuffle_is_a_permutation(bytes32 seed, uint96[7] memory weights) public pure {
        IAssay.Member[] memory members = new IAssay.Member[](7);
        uint256 sum;
        for (uint160 i = 0; i < 7; i++) {
            members[i] = IAssay.Member(address(i + 1), weights[i] == 0 ? 1 : weights[i]);
        }
        address[] memory drawn = Draws.shuffle("assay/cell/1", seed, members);
        for (uint256 i = 0; i < 7; i++) {
            sum += 1 << (8 * uint160(drawn[i]));
        }
        eq(sum, 0x0101010101010100, "each once");
    }
}
