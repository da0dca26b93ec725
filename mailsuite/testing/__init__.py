"""Fakes of the seams, contract suites, scripted peers, builders."""
